"""Turns the names that the code uses into those on the cluster and back."""

import re
from dataclasses import dataclass

from aiokafka import TopicPartition as ClusterPartition

from shared.log.interface import Subscription, TopicPartition


@dataclass(frozen=True, slots=True)
class KafkaNames:
    """The names of one installation.

    Attributes:
        identifier: The integration's; a part of group and client ids.
        prefix: Stands before every topic, group and client id, so that several installations can share a
            cluster. Empty: none.
    """

    identifier: str
    prefix: str = ""

    def topic(self, name: str) -> str:
        """Return a topic's name on the cluster."""
        return self.prefix + name

    def logical(self, topic: str) -> str | None:
        """Return a topic's name without the prefix; None: it is not ours."""
        return topic[len(self.prefix) :] if topic.startswith(self.prefix) else None

    def group(self, name: str) -> str:
        """Return a group's id on the cluster."""
        return f"{self.prefix}{name}.{self.identifier}"

    def client(self, service: str) -> str:
        """Return the client id of a service; it stands in the cluster's logs and quotas."""
        return f"{self.prefix}pagerport.{service}.{self.identifier}"

    def pattern(self, topics: Subscription) -> str:
        """Return the regular expression of the subscribed topics' names on the cluster.

        FastStream reads braces in a pattern as parameters, so they are written as character classes.
        """
        choices = [re.escape(self.topic(name)) + "$" for name in sorted(topics.names)]
        choices += [re.escape(self.topic(beginning)) for beginning in sorted(topics.beginnings)]
        pattern = f"^(?:{'|'.join(choices)})"
        return pattern.replace(r"\{", "[\\x7b]").replace(r"\}", "[\\x7d]")

    def on_cluster(self, place: TopicPartition) -> ClusterPartition:
        """Return a partition as aiokafka names it."""
        return ClusterPartition(self.topic(place.topic), place.partition)

    def here(self, place: ClusterPartition) -> TopicPartition | None:
        """Return a partition as our code names it; None: it is not ours."""
        name = self.logical(place.topic)
        return None if name is None else TopicPartition(name, place.partition)
