# The image is the static binary and nothing else. Mount the config at /etc/graygate/graygate.yaml:
#   docker run --rm -p 8080:8080 -v ./graygate.yaml:/etc/graygate/graygate.yaml:ro graygate
# In a container the listeners of the config need an address that is reachable from outside, such as :8080.

FROM golang:1.26 AS build
WORKDIR /src
# The modules have a layer of their own: they change seldom, the sources often.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
RUN make build VERSION="$VERSION" && bin/graygate version && bin/graygate check -c examples/quickstart.yaml

FROM scratch
COPY --from=build /src/LICENSE /LICENSE
COPY --from=build /src/bin/graygate /usr/local/bin/graygate
# A number, because there is no /etc/passwd. Ports below 1024 are open to it: container runtimes set
# net.ipv4.ip_unprivileged_port_start to 0.
USER 65532:65532
STOPSIGNAL SIGTERM
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/graygate"]
CMD ["serve", "-c", "/etc/graygate/graygate.yaml"]
