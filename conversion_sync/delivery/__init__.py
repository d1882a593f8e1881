"""From due rows to proof: plan, claim, send, isolate, record, settle; the intent precedes its request."""
