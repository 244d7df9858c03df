# The secrets that services are told, each readable by those only that are told it. Values are added by hand
# (`gcloud secrets versions add`), never through Terraform: they would stand in the state.
locals {
  told = merge([
    for name, service in local.services : {
      for variable, given in service.environment : "${name} ${given.secret}" => { service = name, secret = given.secret }
      if contains(keys(given), "secret")
    }
  ]...)
}

resource "google_secret_manager_secret" "told" {
  for_each = toset([for told in values(local.told) : told.secret])

  secret_id = "${local.prefix}${each.value}"

  replication {
    auto {}
  }

  depends_on = [google_project_service.used]
}

resource "google_secret_manager_secret_iam_member" "told" {
  for_each = local.told

  secret_id = google_secret_manager_secret.told[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service[each.value.service].member
}
