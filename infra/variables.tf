variable "project" {
  description = "The Google Cloud project that Sextant runs in."
  type        = string
}

variable "region" {
  description = "Where services, schedules, images and keys are."
  type        = string
  default     = "europe-west1"
}

variable "firestore_location" {
  description = "Where the database is; it can't be moved later. Multi-regions are eur3 and nam5."
  type        = string
  default     = "eur3"
}

variable "image" {
  description = "The image of every service, by digest: REGION-docker.pkg.dev/PROJECT/sextant/sextant@sha256:…, as cloudbuild.yaml prints it."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Give the image by digest (…@sha256:…), so that what runs is what was built."
  }
}

variable "public_url" {
  description = "Where people reach the console, without a trailing slash; links in mails begin with it."
  type        = string
}

variable "mail_from" {
  description = "Whom mails come from, such as `Sextant <sextant@example.com>`; the mail server must let this be."
  type        = string
}

variable "settings" {
  description = "Settings by their variables, such as { SEXTANT_KEEP_DAYS = 180 }; each goes to the services that read it. `sextant settings` lists them."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), flatten([for service in jsondecode(file("${path.module}/catalog.json")).services : service.settings]))) == 0
    error_message = "One of these is no setting that can be chosen here; `settings` in infra/catalog.json lists those of each service."
  }
}

variable "max_instances" {
  description = "The most instances of one service: a bound on the bill."
  type        = number
  default     = 20
}

variable "max_delivery_attempts" {
  description = "Tries of one message before it goes to the dead letters, 5 to 100."
  type        = number
  default     = 10
}
