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
  description = "The image of every function, by digest: REGION-docker.pkg.dev/PROJECT/sextant/sextant@sha256:…, as cloudbuild.yaml prints it."
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

variable "max_instances" {
  description = "The most instances of one function: a bound on the bill."
  type        = number
  default     = 20
}

variable "max_delivery_attempts" {
  description = "Tries of one message before it goes to the dead letters, 5 to 100."
  type        = number
  default     = 10
}
