"""Pure decisions: who is in which group, who is eliminated, who is champion."""
