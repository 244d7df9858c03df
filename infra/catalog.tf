# What each function declares in the code decides what is made here: `sextant catalog --json > infra/catalog.json`.
locals {
  # Before the name of everything in this project: it may hold other things. The binary's default is the same.
  prefix = "sextant-"

  catalog   = jsondecode(file("${path.module}/catalog.json"))
  functions = { for function in local.catalog.functions : function.name => function }
  services  = { for service in local.catalog.services : service.name => service }

  # Functions with routes share one service, which is open to the internet and checks each caller itself; any other
  # function has a service of its own that is reached only by pushes and schedules, whose identity Cloud Run checks
  # before a request comes through.
  public   = { for name, service in local.services : name => service if service.public }
  internal = { for name, service in local.services : name => service if !service.public }

  # The service that each function runs in.
  service_of = merge([for name, service in local.services : { for function in service.functions : function => name }]...)

  # A function may declare one topic several times; it is one subscription, for all of their types together, and
  # one that wants every type leaves no filter to the others.
  triggers = merge([
    for name, function in local.functions : {
      for trigger in function.topics : trigger.subscription => merge(trigger, { function = name })...
    }
  ]...)

  # A little more than the handler gets, so that its end is heard before Pub/Sub gives up on it; 10 to 600 s.
  subscriptions = {
    for subscription, triggers in local.triggers : subscription => {
      function     = triggers[0].function
      topic        = triggers[0].topic
      types        = anytrue([for trigger in triggers : length(trigger.types) == 0]) ? [] : distinct(flatten(triggers[*].types))
      ack_deadline = min(600, max(10, local.functions[triggers[0].function].timeout_s + 5))
    }
  }

  topics = toset(concat(
    ["deployments", "actions", "observations", "feedback", "learning"],
    [for subscription in values(local.subscriptions) : subscription.topic],
  ))

  schedules = merge([
    for name, function in local.functions : {
      for trigger in function.schedules : "${name}.${trigger.name}" => {
        function = name
        name     = trigger.name
        cron     = trigger.cron
        timeout  = function.timeout_s
      }
    }
  ]...)
}
