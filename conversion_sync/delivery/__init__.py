"""From due rows to proof: claim, send, isolate, record, settle. Every intent is committed before its request leaves."""
