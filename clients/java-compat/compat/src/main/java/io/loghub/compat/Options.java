package io.loghub.compat;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** The options of a command line, all of the form {@code --name value}. */
final class Options {
    private final Map<String, String> given = new HashMap<>();

    /** Reads a command line; IllegalArgumentException says what is wrong with it. */
    Options(Set<String> names, String... args) {
        for (int i = 0; i < args.length; i += 2) {
            if (!names.contains(args[i])) {
                throw new IllegalArgumentException("unknown option " + args[i]);
            }
            if (i + 1 == args.length) {
                throw new IllegalArgumentException(args[i] + " needs a value");
            }
            given.put(args[i], args[i + 1]);
        }
    }

    String required(String name) {
        String value = given.get(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return value;
    }

    String optional(String name, String otherwise) {
        return given.getOrDefault(name, otherwise);
    }

    double number(String name, String text, double least) {
        try {
            double number = Double.parseDouble(text);
            if (number >= least) {
                return number;
            }
        } catch (NumberFormatException notANumber) {
            // said below
        }
        throw new IllegalArgumentException(name + " " + text + " is not a number of at least " + least);
    }
}
