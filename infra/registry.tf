# Where cloudbuild.yaml puts the image, and the layers that the next build begins with.
resource "google_artifact_registry_repository" "images" {
  repository_id = "sextant"
  location      = var.region
  format        = "DOCKER"

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "drop-old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.used]
}
