# A static binary on nothing: no shell, no package manager, not root.
# The base reaches the build stage only; pin it by digest where your registry mirror allows.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download && go mod verify
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/bot ./cmd/bot \
 && mkdir -p /out/state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/bot /bot
# The state directory is the only place that is written: mount a volume there for
# SQLite, or set DATABASE_URL. The root may be read-only in both cases.
COPY --from=build --chown=65532:65532 /out/state /var/lib/ecsbot
USER 65532:65532
# HTTP_ADDR: inside a container the loopback default would hide health and metrics from the platform.
ENV STATE_DIR=/var/lib/ecsbot TMPDIR=/var/lib/ecsbot HTTP_ADDR=:8080
VOLUME /var/lib/ecsbot
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["/bot", "healthcheck"]
ENTRYPOINT ["/bot"]
