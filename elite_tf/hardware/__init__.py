"""What a chip can hold: boards, memory, latency."""
