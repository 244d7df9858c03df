# One Cloud Run service a function, all from one image: `sextant serve NAME`. Nothing is kept in a service, so none is
# protected against deletion: it can be made again at any time.
resource "google_cloud_run_v2_service" "function" {
  for_each = local.functions

  name     = "${local.prefix}${each.key}"
  location = var.region
  ingress  = contains(keys(local.public), each.key) ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_ONLY"

  deletion_protection = false

  template {
    service_account                  = google_service_account.function[each.key].email
    timeout                          = "${each.value.timeout_s + 5}s"
    max_instance_request_concurrency = each.value.concurrency

    scaling {
      min_instance_count = 0
      max_instance_count = var.max_instances
    }

    containers {
      image = var.image
      args  = ["serve", each.key]

      resources {
        limits = {
          cpu    = "1"
          memory = "256Mi"
        }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.environment
        content {
          name  = env.key
          value = env.value
        }
      }

      env {
        name = "SEXTANT_TOKEN_KEY"
        value_source {
          secret_key_ref {
            secret  = google_secret_manager_secret.token_key.secret_id
            version = "latest"
          }
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(each.value.http) == 0 || length(each.value.topics) + length(each.value.schedules) == 0
      error_message = "Function ${each.key} has routes and is also pushed to. A public service can't tell a push from a stranger's request: split it in two."
    }
  }

  depends_on = [google_project_service.used, google_secret_manager_secret_iam_member.token_key]
}

locals {
  # What `sextant serve` reads; it reads nothing else about where it is.
  environment = {
    SEXTANT_PROJECT            = var.project
    SEXTANT_REGION             = var.region
    SEXTANT_FIRESTORE_DATABASE = google_firestore_database.sextant.name
    SEXTANT_TOPIC_PREFIX       = local.prefix
    SEXTANT_BUCKET             = google_storage_bucket.objects.name
    SEXTANT_KMS_KEY            = google_kms_crypto_key.data_keys.id
    SEXTANT_PUBLIC_URL         = var.public_url
    SEXTANT_PUSH               = "platform"
  }
}
