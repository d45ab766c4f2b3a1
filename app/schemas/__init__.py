"""What requests may hold. Answers are the value types of ``remarque.answers``."""
