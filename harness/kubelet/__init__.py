"""Which InternalIP a kubelet reports for its node, and which step of its code decides."""
