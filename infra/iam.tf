# One account a service, with the roles that its functions ask for, each bound as narrowly as its resource allows.
resource "google_service_account" "service" {
  for_each = local.services

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
    for name, service in local.services : {
      for role in service.permissions : "${name} ${role}" => { service = name, role = role }
    }
  ]...)
  on_bucket  = { for key, grant in local.granted : key => grant if startswith(grant.role, "storage.") }
  on_key     = { for key, grant in local.granted : key => grant if startswith(grant.role, "cloudkms.") }
  on_project = { for key, grant in local.granted : key => grant if !contains(keys(local.on_bucket), key) && !contains(keys(local.on_key), key) }
}

resource "google_storage_bucket_iam_member" "service" {
  for_each = local.on_bucket

  bucket = google_storage_bucket.objects.name
  role   = "roles/${each.value.role}"
  member = google_service_account.service[each.value.service].member
}

resource "google_kms_crypto_key_iam_member" "service" {
  for_each = local.on_key

  crypto_key_id = google_kms_crypto_key.data_keys.id
  role          = "roles/${each.value.role}"
  member        = google_service_account.service[each.value.service].member
}

resource "google_project_iam_member" "service" {
  for_each = local.on_project

  project = var.project
  role    = "roles/${each.value.role}"
  member  = google_service_account.service[each.value.service].member
}

# The door is open; each route says what it needs of its caller.
resource "google_cloud_run_v2_service_iam_member" "public" {
  for_each = local.public

  name     = google_cloud_run_v2_service.service[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}

# All others are open to pushes and schedules alone.
resource "google_cloud_run_v2_service_iam_member" "pushed" {
  for_each = local.internal

  name     = google_cloud_run_v2_service.service[each.key].name
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
