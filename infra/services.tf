# The services of the catalog, all from one image: the public door, `sextant serve NAME,NAME,…`, and one for each other
# function. Each is told what the catalog says that its functions read, and what `settings` adds. Nothing is kept in a
# service, so none is protected against deletion: it can be made again at any time.
resource "google_cloud_run_v2_service" "service" {
  for_each = local.services

  name     = "${local.prefix}${each.key}"
  location = var.region
  ingress  = each.value.public ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_ONLY"

  deletion_protection = false

  template {
    service_account                  = google_service_account.service[each.key].email
    timeout                          = "${each.value.timeout_s + 5}s"
    max_instance_request_concurrency = each.value.concurrency

    scaling {
      min_instance_count = 0
      max_instance_count = var.max_instances
    }

    containers {
      image = var.image
      args  = each.value.arguments

      resources {
        limits = {
          cpu    = "1"
          memory = "256Mi"
        }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = { for variable, given in each.value.environment : variable => given if !contains(keys(given), "secret") }
        content {
          name  = env.key
          value = contains(keys(env.value), "from") ? local.values[env.value.from] : env.value.value
        }
      }

      dynamic "env" {
        for_each = { for variable, text in var.settings : variable => text if contains(each.value.settings, variable) }
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = { for variable, given in each.value.environment : variable => given if contains(keys(given), "secret") }
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.told[env.value.secret].secret_id
              version = "latest"
            }
          }
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = !each.value.public || alltrue([for function in each.value.functions : length(local.functions[function].topics) + length(local.functions[function].schedules) == 0])
      error_message = "Service ${each.key} is public, and a function in it is also pushed to. A public service can't tell a push from a stranger's request: split the function in two."
    }
  }

  depends_on = [google_project_service.used, google_secret_manager_secret_iam_member.told]
}

# What the catalog's environments refer to by `from`; a test holds the two together.
locals {
  values = {
    project      = var.project
    region       = var.region
    database     = google_firestore_database.sextant.name
    topic_prefix = local.prefix
    public_url   = var.public_url
    mail_from    = var.mail_from
  }
}
