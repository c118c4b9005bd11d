package io.loghub.compat;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Internal;
import com.google.protobuf.Message;
import io.loghub.v1.Backbone;
import io.loghub.v1.ConsumeProto;
import io.loghub.v1.Group;
import io.loghub.v1.IngestProto;
import io.loghub.v1.RecordProto;
import io.loghub.v1.TailProto;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** All messages of the contract: an empty one of each, by its full name. */
final class Contract {
    private static final List<FileDescriptor> FILES = List.of(
            Backbone.getDescriptor(), ConsumeProto.getDescriptor(), Group.getDescriptor(),
            IngestProto.getDescriptor(), RecordProto.getDescriptor(), TailProto.getDescriptor());
    private static final Map<String, Message> MESSAGES = messages();

    private Contract() {}

    /** Returns an empty message; IllegalArgumentException where the contract has none of that name. */
    static Message empty(String fullName) {
        Message empty = MESSAGES.get(fullName);
        if (empty == null) {
            throw new IllegalArgumentException("the contract has no message " + fullName);
        }
        return empty;
    }

    /** Returns an empty message of each kind, in the order of their names. */
    static List<Message> all() {
        return new ArrayList<>(MESSAGES.values());
    }

    private static Map<String, Message> messages() {
        Map<String, Message> found = new TreeMap<>();
        for (FileDescriptor file : FILES) {
            for (Descriptor kind : file.getMessageTypes()) {
                found.put(kind.getFullName(), generated(file, kind));
            }
        }
        return found;
    }

    private static Message generated(FileDescriptor file, Descriptor kind) {
        String name = file.getOptions().getJavaPackage() + "." + kind.getName();
        try {
            return Internal.getDefaultInstance(Class.forName(name).asSubclass(Message.class));
        } catch (ClassNotFoundException absent) {
            throw new IllegalStateException("there is no class for " + kind.getFullName(), absent);
        }
    }
}
