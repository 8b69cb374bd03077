/* What a sink of Kafka Connect makes of values: java -cp 'LIBS/*' ReadRows.java < values
 *
 * A value a line, read as JsonConverter does with schemas.enable=true. The first line out says each field of the
 * schema, as name, type, optional, default, with tabs between and ; behind; then each value's payload, as the
 * same converter writes it without a schema. A value with another schema than the first ends it. */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.json.JsonConverter;

public class ReadRows {
	static JsonConverter converter(boolean hasSchemas)
	{
		JsonConverter converter = new JsonConverter();
		converter.configure(Map.of("schemas.enable", hasSchemas), false);
		return converter;
	}

	static void print(Schema schema)
	{
		System.out.print(schema.name() + "\t" + schema.type() + "\t" + schema.isOptional() + "\t" + schema.version());
		for (Field field : schema.fields())
			System.out.print(";" + field.name() + "\t" + field.schema().type() + "\t" +
					 field.schema().isOptional() + "\t" + field.schema().defaultValue());
		System.out.println();
	}

	public static void main(String[] arguments) throws Exception
	{
		JsonConverter reader = converter(true), writer = converter(false);
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		Schema first = null;
		for (String line; (line = in.readLine()) != null;) {
			SchemaAndValue read = reader.toConnectData("rows", line.getBytes(StandardCharsets.UTF_8));
			((Struct)read.value()).validate();
			if (first == null)
				print(first = read.schema());
			if (!first.equals(read.schema()))
				throw new IllegalStateException("another schema: " + line);
			byte[] payload = writer.fromConnectData("rows", read.schema(), read.value());
			System.out.println(new String(payload, StandardCharsets.UTF_8));
		}
	}
}
