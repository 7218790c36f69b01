"""From a trained model to production and back: promotion, rollback, lineage, feedback."""
