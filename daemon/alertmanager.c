#include "daemon/alertmanager.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/buffer.h"
#include "daemon/http_client.h"
#include "daemon/log.h"
#include "daemon/loop.h"

enum { QUEUE_MAX = 10000, BATCH_MAX = 500, TIMEOUT_MS = 5000, AGAIN_MS = 3000, SAID_EVERY_MS = 60000 };

struct alertmanager {
	struct http_client *client;
	pthread_t thread;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t changed;
	char **alerts; /* a ring: texts that end with NUL, owned */
	size_t first;
	size_t count;
	bool is_ending;
	/* the thread's: */
	bool is_away;
	int64_t said_ms;
};

void alertmanager_put(struct alertmanager *manager, struct slice alert)
{
	char *copy = malloc(alert.len + 1);
	CHECK(copy);
	memcpy(copy, alert.data, alert.len);
	copy[alert.len] = '\0';
	pthread_mutex_lock(&manager->mutex);
	if (manager->count == QUEUE_MAX) {
		free(manager->alerts[manager->first]);
		manager->first = (manager->first + 1) % QUEUE_MAX;
		manager->count--;
	}
	manager->alerts[(manager->first + manager->count++) % QUEUE_MAX] = copy;
	pthread_cond_signal(&manager->changed);
	pthread_mutex_unlock(&manager->mutex);
}

/* The first alerts as a JSON array; returns how many. */
static size_t make_batch(struct alertmanager *manager, struct buffer *body)
{
	pthread_mutex_lock(&manager->mutex);
	size_t count = manager->count < BATCH_MAX ? manager->count : BATCH_MAX;
	body->len = 0;
	for (size_t i = 0; i < count; i++) {
		const char *alert = manager->alerts[(manager->first + i) % QUEUE_MAX];
		buffer_put(body, i ? "," : "[", 1);
		buffer_put(body, alert, strlen(alert));
	}
	buffer_put(body, "]", 2); /* with its NUL */
	pthread_mutex_unlock(&manager->mutex);
	return count;
}

/* Some of them may have left the queue meanwhile. */
static void drop_batch(struct alertmanager *manager, size_t count)
{
	pthread_mutex_lock(&manager->mutex);
	for (; count > 0 && manager->count > 0; count--) {
		free(manager->alerts[manager->first]);
		manager->first = (manager->first + 1) % QUEUE_MAX;
		manager->count--;
	}
	pthread_mutex_unlock(&manager->mutex);
}

static void say_away(struct alertmanager *manager, const char *why, unsigned status)
{
	int64_t now_ms = loop_now_ms();
	if (manager->is_away && now_ms - manager->said_ms < SAID_EVERY_MS)
		return;
	manager->said_ms = now_ms;
	log_warn("the Alertmanager does not take alerts: they wait",
		 "setting=alerts.alertmanager why=%s status=%u", log_quoted(why).text, status);
}

/* What it refuses as wrong it would refuse again. */
static bool post(struct alertmanager *manager, const struct buffer *body)
{
	const char *why;
	unsigned status;
	bool is_answered = http_client_post(manager->client, "/api/v2/alerts", body->data, &status, &why);
	bool is_refused = is_answered && status >= 400 && status < 500;
	bool is_taken = is_answered && status >= 200 && status < 300;
	if (!is_taken)
		say_away(manager, is_answered ? "it refuses" : why, status);
	else if (manager->is_away)
		log_info("the Alertmanager takes alerts again", "%s", "");
	manager->is_away = !is_taken;
	return is_taken || is_refused;
}

/* Until there is something, or for a while where it could not be sent. False: it ends. */
static bool wait(struct alertmanager *manager, bool is_again)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += AGAIN_MS / 1000;
	pthread_mutex_lock(&manager->mutex);
	if (is_again && !manager->is_ending)
		pthread_cond_timedwait(&manager->changed, &manager->mutex, &until);
	while (manager->count == 0 && !manager->is_ending)
		pthread_cond_wait(&manager->changed, &manager->mutex);
	bool goes_on = !manager->is_ending;
	pthread_mutex_unlock(&manager->mutex);
	return goes_on;
}

static void *run(void *ctx)
{
	struct alertmanager *manager = ctx;
	struct buffer body = {0};
	bool is_sent = true, goes_on = true;
	while (goes_on) {
		goes_on = wait(manager, !is_sent);
		size_t count = make_batch(manager, &body);
		is_sent = count == 0 || post(manager, &body);
		if (is_sent)
			drop_batch(manager, count);
	}
	buffer_destroy(&body);
	return NULL;
}

struct alertmanager *alertmanager_create(struct slice url)
{
	struct alertmanager *manager = calloc(1, sizeof(*manager));
	char *base = strndup(url.data, url.len);
	CHECK(manager && base);
	manager->alerts = calloc(QUEUE_MAX, sizeof(char *));
	CHECK(manager->alerts);
	manager->client = http_client_create(&(struct http_client_options){base, NULL, TIMEOUT_MS});
	free(base);
	CHECK(pthread_mutex_init(&manager->mutex, NULL) == 0);
	CHECK(pthread_cond_init(&manager->changed, NULL) == 0);
	CHECK(pthread_create(&manager->thread, NULL, run, manager) == 0);
	return manager;
}

void alertmanager_destroy(struct alertmanager *manager)
{
	if (!manager)
		return;
	pthread_mutex_lock(&manager->mutex);
	manager->is_ending = true;
	pthread_cond_signal(&manager->changed);
	pthread_mutex_unlock(&manager->mutex);
	pthread_join(manager->thread, NULL);
	drop_batch(manager, QUEUE_MAX);
	http_client_destroy(manager->client);
	pthread_cond_destroy(&manager->changed);
	pthread_mutex_destroy(&manager->mutex);
	free(manager->alerts);
	free(manager);
}
