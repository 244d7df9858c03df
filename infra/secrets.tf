# The key that signs bearer tokens. Its value is added by hand (`gcloud secrets versions add`), never through
# Terraform: it would stand in the state.
resource "google_secret_manager_secret" "token_key" {
  secret_id = "${local.prefix}token-key"

  replication {
    auto {}
  }

  depends_on = [google_project_service.used]
}

resource "google_secret_manager_secret_iam_member" "token_key" {
  for_each = local.functions

  secret_id = google_secret_manager_secret.token_key.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.key].member
}
