"""Consumer groups: who is a member, what each gets, and what of it is done with."""
