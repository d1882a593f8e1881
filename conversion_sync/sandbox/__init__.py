"""The vendors simulated, and the seeded SaaS business that lives in them. Shares no code with the product."""
