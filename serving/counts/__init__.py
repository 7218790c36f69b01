"""The sheet of counts that all workers share."""
