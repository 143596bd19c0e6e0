// Calls an engine with AWS's SDK for Go: reads JSON, {"endpoint": ..., "key": ..., "secret": ...}, from standard
// input and writes what the SDK gave to standard output.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/neptune"
	"github.com/aws/aws-sdk-go-v2/service/neptune/types"
	"github.com/aws/aws-sdk-go-v2/service/polly"
	speechtypes "github.com/aws/aws-sdk-go-v2/service/polly/types"
	"github.com/aws/smithy-go"
)

type input struct{ Endpoint, Key, Secret string }

func main() {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		panic(err)
	}
	keys := credentials.NewStaticCredentialsProvider(in.Key, in.Secret, "")
	out := map[string]any{}
	ctx := context.Background()
	speech := polly.New(polly.Options{
		BaseEndpoint: &in.Endpoint, Region: "eu-west-1", Credentials: keys, RetryMaxAttempts: 1,
	})
	answer, err := speech.SynthesizeSpeech(ctx, &polly.SynthesizeSpeechInput{
		Text: aws.String("a & b"), OutputFormat: speechtypes.OutputFormatPcm, VoiceId: "Joanna",
	})
	out["speechError"] = code(err)
	if err == nil {
		audio, err := io.ReadAll(answer.AudioStream)
		out["audio"], out["audioError"], out["characters"] = string(audio), code(err), answer.RequestCharacters
	}
	_, err = speech.GetLexicon(ctx, &polly.GetLexiconInput{Name: aws.String("absent")})
	out["absent"] = code(err)
	graph := neptune.New(neptune.Options{
		BaseEndpoint: &in.Endpoint, Region: "eu-west-1", Credentials: keys, RetryMaxAttempts: 1,
	})
	cluster, err := graph.CreateDBCluster(ctx, &neptune.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("graph & co"),
		Engine:              aws.String("neptune"),
		AvailabilityZones:   []string{"a", "b"},
		Tags:                []types.Tag{{Key: aws.String("owner"), Value: aws.String("<me>")}},
	})
	out["cluster"], out["clusterError"] = cluster, code(err)
	_, err = graph.DeleteDBCluster(ctx, &neptune.DeleteDBClusterInput{DBClusterIdentifier: aws.String("absent")})
	out["absentCluster"] = code(err)
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
