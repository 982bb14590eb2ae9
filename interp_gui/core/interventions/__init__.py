"""What an intervention does: answers before and after, and the effect of every edit."""
