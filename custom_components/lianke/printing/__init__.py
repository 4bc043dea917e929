"""The integration's actions: from the fields of a call to a job, or to an answer."""
