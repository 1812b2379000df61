package http

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/arqd/arqd/actors"
)

// AgentCounts are what is known of compute hosts' agents: what their listener
// counted since the start, and the hosts.
type AgentCounts struct {
	Connections          int
	Answers              map[string]uint64 // by class of status
	Strangers, Impostors uint64
	actors.HostCounts
	Health actors.HealthStats
}

var (
	descHosts = prometheus.NewDesc("arqd_hosts",
		"Hosts with an agent, by what is known of it: fresh, stale, dead, or unknown since the start.", []string{"state"}, nil)
	descAgentConnections = prometheus.NewDesc("arqd_agent_connections",
		"Open connections of agents.", nil, nil)
	descAgentAnswers = prometheus.NewDesc("arqd_agent_requests_total",
		"Requests of agents, by the class of the answer's status.", []string{"class"}, nil)
	descAgentRefused = prometheus.NewDesc("arqd_agent_identity_refused_total",
		"Requests to the agents' listener of nobody that is known, and of a host for another.", []string{"reason"}, nil)
	descAgentSessions = prometheus.NewDesc("arqd_agent_sessions_total",
		"Sessions that agents have opened.", nil, nil)
	descAgentAlternating = prometheus.NewDesc("arqd_agent_alternations_total",
		"Sessions taken from an agent that was alive, beyond three in a minute: two agents run for one host.", nil, nil)
	descInventories = prometheus.NewDesc("arqd_inventories_total",
		"Inventories taken from hosts.", nil, nil)
	descInventoryRefused = prometheus.NewDesc("arqd_inventory_devices_refused_total",
		"Devices in inventories that were refused.", nil, nil)
	descDevicesGone = prometheus.NewDesc("arqd_devices_gone_total",
		"Devices that are not on their hosts any more: removed, or missing while somebody has something of them.", []string{"outcome"}, nil)
	descCommands = prometheus.NewDesc("arqd_agent_commands_total",
		"Commands that agents have carried out, by outcome; differing ones were reported once more, with another.", []string{"outcome"}, nil)
)

// agentCollector shows the counts, all of one moment.
type agentCollector struct{ counts func() AgentCounts }

// SetAgents adds the series about agents, from the function that gives their
// counts. It is called at most once.
func (m *Metrics) SetAgents(counts func() AgentCounts) {
	m.registry.MustRegister(agentCollector{counts})
}

// Describe implements prometheus.Collector.
func (agentCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		descHosts, descAgentConnections, descAgentAnswers, descAgentRefused, descAgentSessions, descAgentAlternating,
		descInventories, descInventoryRefused, descDevicesGone, descCommands,
	} {
		ch <- desc
	}
	describeHealth(ch)
}

// Collect implements prometheus.Collector.
func (c agentCollector) Collect(ch chan<- prometheus.Metric) {
	n := c.counts()
	gauge := func(desc *prometheus.Desc, value int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), labels...)
	}
	count := func(desc *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	for state, hosts := range n.States {
		gauge(descHosts, hosts, state)
	}
	gauge(descAgentConnections, n.Connections)
	for class, answers := range n.Answers {
		count(descAgentAnswers, answers, class)
	}
	count(descAgentRefused, n.Strangers, "stranger")
	count(descAgentRefused, n.Impostors, "impostor")
	count(descAgentSessions, n.Sessions)
	count(descAgentAlternating, n.Alternations)
	count(descInventories, n.Inventories)
	count(descInventoryRefused, n.DevicesRefused)
	count(descDevicesGone, n.DevicesRemoved, "removed")
	count(descDevicesGone, n.DevicesMissing, "missing")
	count(descCommands, n.CommandsDone, "done")
	count(descCommands, n.CommandsFailed, "failed")
	count(descCommands, n.ResultsDiffering, "differing")
	collectHealth(ch, &n.Health)
}
