"""The Kafka source: topics whose messages are records, read into the log exactly once (`docs/design/kafka-source.md`).

rules         which topic is whose, and in which format
message       a message as the broker has it, and what becomes of one that cannot be read
place         how far a partition has been read, as a sequence number of the log
gather        messages become parcels of records, each the size of an entry of the log
lane          one partition: from its messages to its entries
group         the consumer group at the brokers
topics        which topics there are
dead_letters  where messages go that cannot be read
source        all of it together
"""
