package main

import (
	"log/slog"
	"slices"

	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/devices/nvidia"
	"github.com/arqd/arqd/devices/nvidia/nvml"
	"github.com/arqd/arqd/devices/sysfs"
)

// manageGPUs loads NVIDIA's management library if it is part of this program, the
// driver of GPUs is enabled and they are this machine's. Without it less is known
// of GPUs, and that is all.
func manageGPUs(cfg *config.Config, bus *sysfs.Bus, log *slog.Logger) (m nvidia.Management, end func()) {
	if !nvml.Built || bus.Root() != "/" || !slices.Contains(cfg.Agent.EnabledDrivers, nvidia.Name) {
		return nil, func() {}
	}
	manager, err := nvml.Open(cfg.GPUDevices.CriticalXids, log)
	if err != nil {
		log.Warn("NVIDIA's management library cannot be used; less is known of GPUs", "error", err)
		return nil, func() {}
	}
	return manager, manager.Close
}
