# Topics, the push subscriptions on them, and dead-letter topics that something reads: a topic without a subscription
# keeps nothing. Names are those that `PubSubBroker::ensure` makes on an emulator. None expires: an unused subscription
# would otherwise go after 31 days, and its messages with it.
resource "google_pubsub_topic" "topic" {
  for_each = local.topics

  name       = "${local.prefix}${each.value}"
  depends_on = [google_project_service.used]
}

resource "google_pubsub_topic" "dead" {
  for_each = local.subscriptions

  name       = "${local.prefix}${each.key}.dead"
  depends_on = [google_project_service.used]
}

resource "google_pubsub_subscription" "push" {
  for_each = local.subscriptions

  name                       = "${local.prefix}${each.key}"
  topic                      = google_pubsub_topic.topic[each.value.topic].id
  ack_deadline_seconds       = each.value.ack_deadline
  message_retention_duration = "604800s"
  filter                     = join(" OR ", [for type in each.value.types : "attributes.type = \"${type}\""])

  push_config {
    push_endpoint = "${google_cloud_run_v2_service.service[local.service_of[each.value.function]].uri}/push/${each.key}"

    oidc_token {
      service_account_email = google_service_account.pusher.email
      audience              = google_cloud_run_v2_service.service[local.service_of[each.value.function]].uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead[each.key].id
    max_delivery_attempts = var.max_delivery_attempts
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_pubsub_topic_iam_member.dead_letters]
}

resource "google_pubsub_subscription" "dead" {
  for_each = local.subscriptions

  name                       = "${local.prefix}${each.key}.dead"
  topic                      = google_pubsub_topic.dead[each.key].id
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub itself moves a message to the dead letters: it publishes there and acknowledges here.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  for_each = local.subscriptions

  topic  = google_pubsub_topic.dead[each.key].id
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = local.subscriptions

  subscription = google_pubsub_subscription.push[each.key].id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
