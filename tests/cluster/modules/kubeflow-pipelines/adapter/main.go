// Command adapter stands before the driver of Kubeflow Pipelines 2.0.5 and lends it what later versions know.
//
// The SDK in use describes a step's pod with fields that came after 2.0.5, which that driver refuses: the
// environment from a ConfigMap, and a ConfigMap or Secret that may be absent. The adapter takes the environment
// out of what the driver reads, lets the driver do its work, and puts it into the patch of the step's pod
// that the driver wrote. As later versions do, it also gives the pod folders that an ordinary user may write to
// for the artifacts. All else is the driver's.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

const (
	realDriver = "/bin/kfp-driver"
	configFlag = "--kubernetes_config"
	patchFlag  = "--pod_spec_patch_path"
)

// Folders that the launcher copies artifacts to, by the scheme of their address.
var scratch = map[string]string{"minio-scratch": "/minio", "s3-scratch": "/s3", "gcs-scratch": "/gcs"}

// environment is what a step's pod takes from one ConfigMap or Secret.
type environment struct {
	ConfigMapName string `json:"configMapName"`
	SecretName    string `json:"secretName"`
	Optional      bool   `json:"optional"`
	KeyToEnv      []struct {
		ConfigMapKey string `json:"configMapKey"`
		SecretKey    string `json:"secretKey"`
		EnvVar       string `json:"envVar"`
	} `json:"keyToEnv"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			os.Exit(exit.ExitCode())
		}
		fmt.Fprintln(os.Stderr, "adapter:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	variables, err := takeEnvironment(arguments)
	if err != nil {
		return err
	}
	driver := exec.Command(realDriver, arguments...)
	driver.Stdout, driver.Stderr = os.Stdout, os.Stderr
	if err := driver.Run(); err != nil {
		return err
	}
	if at := valueOf(arguments, patchFlag); at > 0 {
		return extend(arguments[at], variables)
	}
	return nil
}

// valueOf returns where the value of a flag stands, or 0.
func valueOf(arguments []string, flag string) int {
	for at, argument := range arguments[:max(len(arguments)-1, 0)] {
		if argument == flag {
			return at + 1
		}
	}
	return 0
}

// takeEnvironment takes the environment out of the configuration among the arguments, and returns its variables.
func takeEnvironment(arguments []string) ([]any, error) {
	at := valueOf(arguments, configFlag)
	if at == 0 || arguments[at] == "" {
		return nil, nil
	}
	config := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(arguments[at]), &config); err != nil {
		return nil, fmt.Errorf("%s: %w", configFlag, err)
	}
	var variables []any
	for _, field := range []string{"configMapAsEnv", "secretAsEnv"} {
		var sources []environment
		if raw, ok := config[field]; ok {
			if err := json.Unmarshal(raw, &sources); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", configFlag, field, err)
			}
		}
		for _, source := range sources {
			variables = append(variables, source.variables()...)
		}
		delete(config, field)
	}
	rest, err := json.Marshal(config)
	arguments[at] = string(rest)
	return variables, err
}

// variables returns entries of a container's `env`.
func (source environment) variables() []any {
	var entries []any
	for _, pair := range source.KeyToEnv {
		kind, reference := "configMapKeyRef", map[string]any{"name": source.ConfigMapName, "key": pair.ConfigMapKey}
		if source.SecretName != "" {
			kind, reference = "secretKeyRef", map[string]any{"name": source.SecretName, "key": pair.SecretKey}
		}
		reference["optional"] = source.Optional
		entries = append(entries, map[string]any{"name": pair.EnvVar, "valueFrom": map[string]any{kind: reference}})
	}
	return entries
}

// extend adds variables and folders to the first container of the pod's patch, which a cached step does not have.
func extend(file string, variables []any) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) || len(text) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	pod := map[string]any{}
	if err := json.Unmarshal(text, &pod); err != nil {
		return fmt.Errorf("the driver's patch: %w", err)
	}
	containers, _ := pod["containers"].([]any)
	if len(containers) == 0 {
		return fmt.Errorf("the driver's patch has no container: %s", text)
	}
	main, ok := containers[0].(map[string]any)
	if !ok {
		return fmt.Errorf("the driver's patch has a container of another form: %s", text)
	}
	main["env"] = append(list(main["env"]), variables...)
	for name, path := range scratch {
		main["volumeMounts"] = append(list(main["volumeMounts"]), map[string]any{"name": name, "mountPath": path})
		pod["volumes"] = append(list(pod["volumes"]), map[string]any{"name": name, "emptyDir": map[string]any{}})
	}
	extended, err := json.Marshal(pod)
	if err != nil {
		return err
	}
	return os.WriteFile(file, extended, 0o644)
}

func list(value any) []any {
	entries, _ := value.([]any)
	return entries
}
