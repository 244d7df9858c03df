output "urls" {
  description = "Where the public service is."
  value       = { for name in keys(local.public) : name => google_cloud_run_v2_service.service[name].uri }
}

output "images" {
  description = "Where cloudbuild.yaml pushes to."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "dead_letters" {
  description = "The subscriptions that keep what was given up on."
  value       = [for subscription in google_pubsub_subscription.dead : subscription.name]
}
