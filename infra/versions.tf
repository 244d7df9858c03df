# Sextant in one Google Cloud project. First time:
#   sextant catalog --json > infra/catalog.json
#   terraform -chdir=infra apply -target=google_artifact_registry_repository.images    (somewhere to put the image)
#   gcloud builds submit --region REGION --config cloudbuild.yaml                      (prints the image by digest)
#   terraform -chdir=infra apply -var image=…@sha256:… -target=google_secret_manager_secret.told
#   openssl rand -base64 32 | tr -d '\n' | gcloud secrets versions add sextant-token-key --data-file=-
#   printf %s 'smtps://user:password@mail.example.com:465' | gcloud secrets versions add sextant-smtp --data-file=-
#   terraform -chdir=infra apply -var image=…@sha256:…
#
# The provider's major version is pinned: a new one may rename arguments.
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}
