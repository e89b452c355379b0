"""The policy packs (政策包): data files of the policy's numbers, read strictly, and the one in force on a day."""
