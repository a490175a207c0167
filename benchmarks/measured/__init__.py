"""The lake's own work, as processes that can be measured."""
