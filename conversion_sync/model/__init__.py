"""The words of the domain: money, revenue events, clicks, conversions, states, reasons. No I/O, no clock."""
