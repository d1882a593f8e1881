"""From due rows to proof: plan, claim, send, isolate, record, settle. The intent is committed before its request."""
