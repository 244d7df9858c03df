# Each schedule of the catalog as a request to its function, in the same envelope that Pub/Sub pushes. Few retries:
# the next minute comes anyway, and a long chain of them would only overlap with it.
resource "google_cloud_scheduler_job" "schedule" {
  for_each = local.schedules

  name             = "${local.prefix}${replace(each.key, ".", "-")}"
  region           = var.region
  schedule         = each.value.cron
  time_zone        = "Etc/UTC"
  attempt_deadline = "${min(1800, max(15, each.value.timeout + 5))}s"

  retry_config {
    retry_count          = 3
    min_backoff_duration = "5s"
    max_backoff_duration = "30s"
  }

  http_target {
    uri         = "${google_cloud_run_v2_service.service[local.service_of[each.value.function]].uri}/push/${each.value.function}.schedule"
    http_method = "POST"
    headers     = { "Content-Type" = "application/json" }

    body = base64encode(jsonencode({
      subscription = "${each.value.function}.schedule"
      message = {
        messageId  = each.key
        attributes = { type = "schedule", tenant = "system" }
        data       = base64encode(jsonencode({ name = each.value.name }))
      }
    }))

    oidc_token {
      service_account_email = google_service_account.pusher.email
      audience              = google_cloud_run_v2_service.service[local.service_of[each.value.function]].uri
    }
  }

  depends_on = [google_project_service.used]
}
