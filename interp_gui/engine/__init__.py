"""The process boundary: messages, server, scheduler, client, jobs, cache."""
