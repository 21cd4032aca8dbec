// A gRPC server of fixed answers, and a driver that asks it, or whatever stands before it, in closed loops. Neither reads a
// message: what is sent and answered are bytes from files. The server gives the answer whose word is found in the request.
//
//	grpcload serve -listen 127.0.0.1:42102 perf-s=answer.bin …
//	grpcload drive -to 127.0.0.1:42102 -rpc /qdrant.Points/Query -request request.bin -connections 16 -seconds 3 [-field "api-key: …"]
//
// The driver prints one JSON object: requests, failures, requests a second, p50 and p99 in milliseconds.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

const window = 16 << 20

// raw passes messages as the bytes that they are.
type raw struct{}

func (raw) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }

func (raw) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = data
	return nil
}

func (raw) Name() string { return "proto" }

func serve(arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:42102", "address")
	flags.Parse(arguments)
	answers := map[string][]byte{}
	for _, each := range flags.Args() {
		word, file, found := strings.Cut(each, "=")
		if !found {
			return fmt.Errorf("%s: write WORD=FILE", each)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		answers[word] = data
	}
	socket, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	answer := func(_ any, stream grpc.ServerStream) error {
		var asked []byte
		if err := stream.RecvMsg(&asked); err != nil {
			return err
		}
		for word, data := range answers {
			if bytes.Contains(asked, []byte(word)) {
				return stream.SendMsg(&data)
			}
		}
		return errors.New("there is no answer to this")
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(answer), grpc.ForceServerCodec(raw{}),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(4*window))
	fmt.Println("ready")
	return server.Serve(socket)
}

type result struct {
	Requests int     `json:"requests"`
	Failures int     `json:"failures"`
	Failure  string  `json:"failure"`
	Rate     float64 `json:"rps"`
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99"`
}

func drive(arguments []string) error {
	flags := flag.NewFlagSet("drive", flag.ExitOnError)
	to := flags.String("to", "", "address")
	rpc := flags.String("rpc", "", "name of the call")
	file := flags.String("request", "", "file of its message")
	connections := flags.Int("connections", 1, "connections, each with one call at a time")
	seconds := flags.Float64("seconds", 3, "how long")
	field := flags.String("field", "", "a header field, as `name: value`")
	flags.Parse(arguments)
	request, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	background := context.Background()
	if name, value, found := strings.Cut(*field, ": "); found {
		background = metadata.AppendToOutgoingContext(background, name, value)
	}
	var (
		wait   sync.WaitGroup
		lock   sync.Mutex
		total  result
		took   []float64
		began  = time.Now()
		enough = began.Add(time.Duration(*seconds * float64(time.Second)))
	)
	for range *connections {
		connection, err := grpc.NewClient(*to, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(4*window),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(1<<30)))
		if err != nil {
			return err
		}
		defer connection.Close()
		wait.Go(func() {
			for time.Now().Before(enough) {
				var answer []byte
				start := time.Now()
				err := connection.Invoke(background, *rpc, &request, &answer)
				spent := time.Since(start).Seconds() * 1000
				lock.Lock()
				if err != nil {
					total.Failures++
					total.Failure = err.Error()
				} else {
					total.Requests++
					took = append(took, spent)
				}
				lock.Unlock()
			}
		})
	}
	wait.Wait()
	total.Rate = float64(total.Requests) / time.Since(began).Seconds()
	slices.Sort(took)
	if len(took) > 0 {
		total.P50, total.P99 = took[len(took)/2], took[len(took)*99/100]
	}
	return json.NewEncoder(os.Stdout).Encode(total)
}

func main() {
	verbs := map[string]func([]string) error{"serve": serve, "drive": drive}
	if len(os.Args) < 2 || verbs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "grpcload serve | drive; -h says the rest")
		os.Exit(2)
	}
	if err := verbs[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
