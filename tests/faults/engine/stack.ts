/**
 * `db` (always restarted, healthy) ← `app` (starts when db is healthy) ← `net` (shares app's network) · `lone`
 * is never restarted · `off` was stopped by its user. All end at once when they are told to.
 */
export const mainStack = `
x-service: &service
  image: debian:bookworm-slim
  init: true
  command: [sleep, infinity]
services:
  db:
    <<: *service
    network_mode: none
    restart: always
    volumes: [db:/data]
    healthcheck: { test: [CMD, test, -e, /data], interval: 500ms, timeout: 5s, retries: 20 }
  app:
    <<: *service
    restart: on-failure:3
    depends_on: { db: { condition: service_healthy } }
    volumes: [app:/data]
  net:
    <<: *service
    network_mode: service:app
    restart: unless-stopped
  lone:
    <<: *service
    network_mode: none
    volumes: [lone:/data]
  off:
    <<: *service
    network_mode: none
volumes: { db: {}, app: {}, lone: {} }
`;

/** `quick` needs `lazy`, which does not heed TERM and has ten minutes to end. */
export const lazyStack = `
services:
  lazy:
    image: debian:bookworm-slim
    command: [sh, -c, 'trap "" TERM; while :; do sleep 0.1; done']
    stop_grace_period: 10m
    network_mode: none
    restart: always
    volumes: [lazy:/data]
  quick:
    image: debian:bookworm-slim
    command: [sleep, infinity]
    init: true
    network_mode: none
    depends_on: [lazy]
volumes: { lazy: {} }
`;
