# Wraps the data keys of stored credentials. Destroying it makes them unreadable for ever, so nothing here does.
resource "google_kms_key_ring" "sextant" {
  name     = "sextant"
  location = var.region

  depends_on = [google_project_service.used]
}

resource "google_kms_crypto_key" "data_keys" {
  name            = "data-keys"
  key_ring        = google_kms_key_ring.sextant.id
  rotation_period = "7776000s"

  lifecycle {
    prevent_destroy = true
  }
}
