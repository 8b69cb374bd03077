#include "daemon/connections.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/commands.h"
#include "daemon/secret.h"

static bool is_there(const char *file)
{
	return strcmp(file, "off") != 0;
}

static int read_properties(const struct config *config, enum connections_need need,
			   struct connections *connections, char *error, size_t error_size)
{
	const struct config_properties *plain = &config->kafka.properties, *secret = &config->kafka.secrets;
	struct kafka_connection *kafka = &connections->kafka;
	struct kafka_property *properties = calloc(plain->count + secret->count + 1, sizeof(*properties));
	CHECK(properties);
	*kafka = (struct kafka_connection){.brokers = config->kafka.brokers, .properties = properties};
	connections->properties = properties;
	for (size_t i = 0; i < plain->count; i++)
		properties[kafka->property_count++] =
			(struct kafka_property){plain->items[i].name, plain->items[i].value};
	for (size_t i = 0; i < secret->count; i++) {
		int code = EXIT_DONE;
		char *value = NULL, setting[128];
		snprintf(setting, sizeof(setting), "kafka.secrets: %s", secret->items[i].name);
		if (need == CONNECTIONS_WITH_SECRETS)
			value = secret_read(setting, secret->items[i].value, error, error_size, &code);
		if (code != EXIT_DONE)
			return code;
		properties[kafka->property_count++] = (struct kafka_property){secret->items[i].name, value};
		kafka->secret_count++;
	}
	return EXIT_DONE;
}

static int read_password(const struct config *config, struct redis_url *redis, char *error,
			 size_t error_size)
{
	int code = EXIT_DONE;
	char *password = secret_read("redis.password_file", config->redis.password_file, error, error_size,
				     &code);
	if (!password)
		return code;
	bool fits = strlen(password) < sizeof(redis->password);
	if (fits)
		memcpy(redis->password, password, strlen(password) + 1);
	else
		snprintf(error, error_size, "redis.password_file: the password has more than %zu bytes",
			 sizeof(redis->password) - 1);
	secret_destroy(password);
	return fits ? EXIT_DONE : EXIT_CONFIG;
}

static int read_redis(const struct config *config, enum connections_need need, struct redis_url *redis,
		      char *error, size_t error_size)
{
	if (!redis_url_parse(config->redis.url, redis, error, error_size))
		return EXIT_CONFIG;
	if (!is_there(config->redis.password_file))
		return EXIT_DONE;
	if (redis->password[0]) {
		snprintf(error, error_size, "redis.url has a password, and redis.password_file names "
			 "another: keep one");
		return EXIT_CONFIG;
	}
	return need == CONNECTIONS_WITH_SECRETS ? read_password(config, redis, error, error_size) : EXIT_DONE;
}

int connections_open(const struct config *config, enum connections_need need,
		     struct connections *connections, char *error, size_t error_size)
{
	*connections = (struct connections){.properties = NULL};
	int code = read_properties(config, need, connections, error, error_size);
	if (code == EXIT_DONE)
		code = read_redis(config, need, &connections->redis, error, error_size);
	if (code != EXIT_DONE)
		connections_close(connections);
	return code;
}

void connections_close(struct connections *connections)
{
	size_t count = connections->kafka.property_count;
	for (size_t i = count - connections->kafka.secret_count; i < count; i++)
		secret_destroy((char *)connections->properties[i].value);
	free(connections->properties);
	explicit_bzero(connections, sizeof(*connections));
}
