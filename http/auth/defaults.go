package auth

import "strings"

// The names of the rules, one for each kind of call: the reference's.
const (
	RuleARQGetAll         = "cyborg:arq:get_all"
	RuleARQGetOne         = "cyborg:arq:get_one"
	RuleARQCreate         = "cyborg:arq:create"
	RuleARQUpdate         = "cyborg:arq:update"
	RuleARQDelete         = "cyborg:arq:delete"
	RuleProfileGetAll     = "cyborg:device_profile:get_all"
	RuleProfileGetOne     = "cyborg:device_profile:get_one"
	RuleProfileCreate     = "cyborg:device_profile:create"
	RuleProfileDelete     = "cyborg:device_profile:delete"
	RuleDeviceGetAll      = "cyborg:device:get_all"
	RuleDeviceGetOne      = "cyborg:device:get_one"
	RuleDeviceEnable      = "cyborg:device:enable"
	RuleDeviceDisable     = "cyborg:device:disable"
	RuleDeployableGetAll  = "cyborg:deployable:get_all"
	RuleDeployableGetOne  = "cyborg:deployable:get_one"
	RuleDeployableProgram = "cyborg:deployable:program"
	RuleAttributeGetAll   = "cyborg:attribute:get_all"
	RuleAttributeGetOne   = "cyborg:attribute:get_one"
	RuleAttributeCreate   = "cyborg:attribute:create"
	RuleAttributeDelete   = "cyborg:attribute:delete"
)

// defaultRule is the rule that answers for undefined ones, if it is defined.
const defaultRule = "default"

// Set chooses the default rules ([oslo_policy]enforce_new_defaults).
type Set int

const (
	// SetNew is personas by role; the default.
	SetNew Set = iota
	// SetLegacy lets a token pass that the new or the old rules would let pass.
	SetLegacy
)

// String gives the set's name for logs.
func (s Set) String() string {
	if s == SetLegacy {
		return "legacy"
	}
	return "new"
}

// ruleDefault is one rule of both sets; no legacy text: the same in both.
type ruleDefault struct {
	name        string
	text        string
	legacy      string
	description string
}

func (d *ruleDefault) in(set Set) string {
	if set == SetLegacy && d.legacy != "" {
		return d.legacy
	}
	return d.text
}

// callPrefix begins the rules of calls.
const callPrefix = "cyborg:"

// scopes are those of the rule's tokens. What the calls are about belongs to
// projects or is run by administrators of a project; helper rules take their
// scopes from the rules that use them.
func (d *ruleDefault) scopes() Scopes {
	if strings.HasPrefix(d.name, callPrefix) {
		return scopesOf(ScopeProject)
	}
	return 0
}

// The old rules, each beside its successor. Since the target of a call is the
// caller's own project, "owner" is any valid token. For devices, deployables
// and attributes the reference documents the old rule as admin only but was
// seen to let any token read.
const (
	oldRead      = "rule:project_reader_or_admin or rule:admin_or_owner"
	oldWrite     = "rule:project_member_or_service or rule:admin_or_owner"
	oldInventory = "rule:project_manager_or_admin or rule:admin_or_owner"
)

// defaults hold the helper rules, which mean the same in both sets so that an
// operator's rule that names one means the same too, then a rule per call.
var defaults = []ruleDefault{
	{"admin_api", "role:admin", "", "Administrator of the cloud"},
	{"service_api", "role:service", "", "Service user"},
	{"project_reader_api", "role:reader and project_id:%(project_id)s", "", "Reader of the project"},
	{"project_member_api", "role:member and project_id:%(project_id)s", "", "Member of the project"},
	{"project_manager_api", "role:manager and project_id:%(project_id)s", "", "Manager of the project"},
	{"project_admin_api", "role:admin and project_id:%(project_id)s", "", "Administrator within the project"},
	{"project_reader_or_admin", "rule:project_reader_api or rule:admin_api", "", "Reader of the project, or administrator"},
	{"project_member_or_admin", "rule:project_member_api or rule:admin_api", "", "Member of the project, or administrator"},
	{"project_manager_or_admin", "rule:project_manager_api or rule:admin_api", "", "Manager of the project, or administrator"},
	{"project_member_or_service", "rule:project_member_api or rule:service_api", "", "Member of the project, or service user"},

	{"allow", "@", "", "Old: everyone"},
	{"deny", "!", "", "Old: no one"},
	{"public_api", "is_public_api:True", "", "Old: calls without a token; no token has this"},
	{"is_admin", "rule:admin_api", "", "Old: administrator"},
	{"admin_or_owner", "is_admin:True or project_id:%(project_id)s", "", "Old: administrator or owner"},
	{"admin_or_user", "is_admin:True or user_id:%(user_id)s", "", "Old: administrator or the user"},
	{defaultRule, "rule:admin_api", "rule:admin_or_owner", "Answers for rules that are not defined"},

	{RuleARQGetAll, "rule:project_reader_or_admin", oldRead, "GET /v2/accelerator_requests"},
	{RuleARQGetOne, "rule:project_reader_or_admin", oldRead, "GET /v2/accelerator_requests/{uuid}"},
	{RuleARQCreate, "rule:project_member_or_service", oldWrite, "POST /v2/accelerator_requests"},
	{RuleARQUpdate, "rule:project_member_or_service", oldWrite, "PATCH /v2/accelerator_requests (bind, unbind)"},
	{RuleARQDelete, "rule:project_member_or_service", oldWrite, "DELETE /v2/accelerator_requests"},
	{RuleProfileGetAll, "rule:project_reader_or_admin", oldRead, "GET /v2/device_profiles"},
	{RuleProfileGetOne, "rule:project_reader_or_admin", oldRead, "GET /v2/device_profiles/{uuid or name}"},
	{RuleProfileCreate, "rule:admin_api", "", "POST /v2/device_profiles"},
	{RuleProfileDelete, "rule:admin_api", "", "DELETE /v2/device_profiles"},
	{RuleDeviceGetAll, "rule:project_manager_or_admin", oldInventory, "GET /v2/devices"},
	{RuleDeviceGetOne, "rule:project_manager_or_admin", oldInventory, "GET /v2/devices/{uuid}"},
	{RuleDeviceEnable, "rule:admin_api", "", "POST /v2/devices/{uuid}/enable"},
	{RuleDeviceDisable, "rule:admin_api", "", "POST /v2/devices/{uuid}/disable"},
	{RuleDeployableGetAll, "rule:project_manager_or_admin", oldInventory, "GET /v2/deployables"},
	{RuleDeployableGetOne, "rule:project_manager_or_admin", oldInventory, "GET /v2/deployables/{uuid}"},
	{RuleDeployableProgram, "rule:admin_api", "", "PATCH /v2/deployables/{uuid}/program"},
	{RuleAttributeGetAll, "rule:project_manager_or_admin", oldInventory, "GET /v2/attributes"},
	{RuleAttributeGetOne, "rule:project_manager_or_admin", oldInventory, "GET /v2/attributes/{uuid}"},
	{RuleAttributeCreate, "rule:admin_api", "", "POST /v2/attributes"},
	{RuleAttributeDelete, "rule:admin_api", "", "DELETE /v2/attributes/{uuid}"},
}
