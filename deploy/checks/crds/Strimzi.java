// Reads Strimzi's kinds with Strimzi's own classes, as its operator does, and says what it would not understand.
//
// Usage: java -cp 'JARS/*' Strimzi.java FILE, where FILE holds a JSON list of resources. One line on standard output
// for each thing found: the resource's number in the list, a tab, what is wrong.

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.lang.reflect.Method;
import java.util.Collection;
import java.util.Map;

public class Strimzi {
    private static final String MODEL = "io.strimzi.api.kafka.model.";
    private static final Map<String, String> CLASSES = Map.of(
            "Kafka", "kafka.Kafka",
            "KafkaNodePool", "nodepool.KafkaNodePool",
            "KafkaTopic", "topic.KafkaTopic",
            "KafkaUser", "user.KafkaUser");

    public static void main(String[] args) throws Exception {
        var mapper = new ObjectMapper();
        int number = 0;
        for (JsonNode resource : mapper.readTree(new File(args[0]))) {
            try {
                var read = mapper.treeToValue(resource, Class.forName(MODEL + CLASSES.get(resource.get("kind").asText())));
                look(number, "/spec", read.getClass().getMethod("getSpec").invoke(read), resource.get("spec"));
            } catch (JsonMappingException wrong) {
                System.out.println(number + "\t" + wrong.getOriginalMessage() + " " + wrong.getPathReference());
            }
            number++;
        }
    }

    // Strimzi keeps what it does not know aside, and goes on; and an unknown word of a list of words becomes nothing.
    private static void look(int number, String path, Object value, JsonNode written) throws Exception {
        if (value instanceof Collection<?> list) {
            int n = 0;
            for (Object one : list) {
                look(number, path + "/" + n, one, written == null ? null : written.get(n));
                n++;
            }
        } else if (value != null && value.getClass().getName().startsWith(MODEL) && !value.getClass().isEnum()) {
            for (Method method : value.getClass().getMethods()) {
                if (!method.getName().startsWith("get") || method.getParameterCount() > 0) {
                    continue;
                }
                if (method.getName().equals("getAdditionalProperties")) {
                    for (Object name : ((Map<?, ?>) method.invoke(value)).keySet()) {
                        System.out.println(number + "\t" + path + "/" + name + ": there is no such field");
                    }
                } else if (!method.isAnnotationPresent(JsonIgnore.class) && !method.getName().equals("getClass")) {
                    String name = method.getName().substring(3, 4).toLowerCase() + method.getName().substring(4);
                    JsonNode inner = written == null ? null : written.get(name);
                    Object read = method.invoke(value);
                    if (read == null && inner != null && !inner.isNull()) {
                        System.out.println(number + "\t" + path + "/" + name + ": cannot be " + inner);
                    }
                    look(number, path + "/" + name, read, inner);
                }
            }
        }
    }
}
