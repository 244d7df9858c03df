# The database, and an index beside each composite query. `indexes.json` is written from `model::index::INDEXES`; a
# test compares the two. The emulator needs no index and production does, so what isn't here fails only in production.
# There is no TTL policy: it needs a timestamp, and documents have milliseconds. `sweep` removes what is over.
resource "google_firestore_database" "sextant" {
  name                              = "(default)"
  location_id                       = var.firestore_location
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "OPTIMISTIC"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = "DELETE_PROTECTION_ENABLED"
  deletion_policy                   = "ABANDON"

  depends_on = [google_project_service.used]
}

locals {
  indexes = {
    for index in jsondecode(file("${path.module}/indexes.json")) :
    join("-", concat([index.collection, lower(index.scope)], [for field in index.fields : "${field.path}-${lower(field.order)}"])) => index
  }

  # Firestore makes single-field indexes of each collection by itself, and refuses to be told. Across collections
  # of one name it has to be told, per field.
  composite = { for name, index in local.indexes : name => index if length(index.fields) > 1 }
  across    = { for name, index in local.indexes : name => index if length(index.fields) == 1 && index.scope == "COLLECTION_GROUP" }
}

resource "google_firestore_index" "composite" {
  for_each = local.composite

  database    = google_firestore_database.sextant.name
  collection  = each.value.collection
  query_scope = each.value.scope

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path = fields.value.path
      order      = fields.value.order
    }
  }
}

# Declaring a field replaces its automatic indexes, so those are named too.
resource "google_firestore_field" "across" {
  for_each = local.across

  database   = google_firestore_database.sextant.name
  collection = each.value.collection
  field      = each.value.fields[0].path

  index_config {
    indexes {
      order       = "ASCENDING"
      query_scope = "COLLECTION"
    }
    indexes {
      order       = "DESCENDING"
      query_scope = "COLLECTION"
    }
    indexes {
      order       = each.value.fields[0].order
      query_scope = "COLLECTION_GROUP"
    }
  }
}
