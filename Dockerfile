# The bot in one small image: no shell, numeric user, read-only root, one writable volume.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked --bin shipgate && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/dist/shipgate /usr/local/bin/shipgate
COPY --from=build --chown=65532:65532 /data /data
WORKDIR /data
USER 65532:65532
VOLUME ["/data"]
EXPOSE 8080
ENV SHIPGATE_LOG_FORMAT=json
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["/usr/local/bin/shipgate", "--config", "/data/shipgate.toml", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/shipgate", "--config", "/data/shipgate.toml"]
CMD ["serve"]
