# One account a function, with the roles that its declaration asks for, each bound as narrowly as its resource allows.
resource "google_service_account" "function" {
  for_each = local.functions

  account_id   = "${local.prefix}${each.key}"
  display_name = "Sextant: ${each.key}"
}

# Whoever pushes and whatever a schedule starts comes as this account.
resource "google_service_account" "pusher" {
  account_id   = "${local.prefix}pusher"
  display_name = "Sextant: pushes and schedules"
}

locals {
  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"

  granted = merge([
    for name, function in local.functions : {
      for role in function.permissions : "${name} ${role}" => { function = name, role = role }
    }
  ]...)
  on_bucket  = { for key, grant in local.granted : key => grant if startswith(grant.role, "storage.") }
  on_key     = { for key, grant in local.granted : key => grant if startswith(grant.role, "cloudkms.") }
  on_project = { for key, grant in local.granted : key => grant if !contains(keys(local.on_bucket), key) && !contains(keys(local.on_key), key) }
}

resource "google_storage_bucket_iam_member" "function" {
  for_each = local.on_bucket

  bucket = google_storage_bucket.objects.name
  role   = "roles/${each.value.role}"
  member = google_service_account.function[each.value.function].member
}

resource "google_kms_crypto_key_iam_member" "function" {
  for_each = local.on_key

  crypto_key_id = google_kms_crypto_key.data_keys.id
  role          = "roles/${each.value.role}"
  member        = google_service_account.function[each.value.function].member
}

resource "google_project_iam_member" "function" {
  for_each = local.on_project

  project = var.project
  role    = "roles/${each.value.role}"
  member  = google_service_account.function[each.value.function].member
}

# Functions with routes are open; each route says what it needs of its caller.
resource "google_cloud_run_v2_service_iam_member" "public" {
  for_each = local.public

  name     = google_cloud_run_v2_service.function[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}

# All others are open to pushes and schedules alone.
resource "google_cloud_run_v2_service_iam_member" "pushed" {
  for_each = { for name, function in local.functions : name => function if !contains(keys(local.public), name) }

  name     = google_cloud_run_v2_service.function[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.pusher.member
}

# Pub/Sub makes the pusher's identity tokens.
resource "google_service_account_iam_member" "pubsub_tokens" {
  service_account_id = google_service_account.pusher.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}
