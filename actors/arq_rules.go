package actors

import "github.com/google/uuid"

// arqAsk is what an operation wants of one ARQ.
type arqAsk struct {
	event arqEvent
	scope Scope
	bind  *BindTo // evBind
	// service: the caller may delete ARQs that name an instance.
	service bool
	// instance: evDelete, and only while the ARQ is this instance's.
	instance uuid.UUID
	// generation is the one an accepted bind left behind (evFinishBind,
	// evFailBind): a newer one means that somebody unbound or deleted since.
	generation uint64
}

// check says whether the ARQ, as it is, would take part.
func (k *arqAsk) check(a *ARQ) error {
	if !k.scope.sees(a.ProjectID) {
		return arqNotFound(a.UUID)
	}
	if k.event == evBind && k.repeats(a) {
		return nil
	}
	if k.generation != 0 && k.generation != a.Generation {
		return Refuse(CodeConflict, "accelerator request %s has changed meanwhile", a.UUID)
	}
	if k.instance != uuid.Nil && (a.Binding == nil || a.Binding.InstanceUUID != k.instance) {
		return Refuse(CodeNotFound, "accelerator request %s has left the instance", a.UUID)
	}
	if k.event == evDelete && a.Binding != nil && !k.service {
		return Refuse(CodeForbidden,
			"accelerator request %s belongs to an instance; deleting it needs a service token", a.UUID)
	}
	if _, ok := a.stored().next(k.event); !ok {
		return Refuse(CodeConflict, "accelerator request %s is %s and cannot be %s; unbind it first",
			a.UUID, a.stored(), verbs[k.event])
	}
	return nil
}

var verbs = [arqEventCount]string{"bound", "bound", "bound", "bound", "unbound", "unbound", "deleted"}

// repeats says whether this is the very bind that the ARQ has, or is getting.
func (k *arqAsk) repeats(a *ARQ) bool {
	b := a.Binding
	return (a.stored() == Bound || a.stored() == BindStarted) && b != nil &&
		b.Hostname == k.bind.Hostname && b.ProviderUUID == k.bind.ProviderUUID &&
		b.InstanceUUID == k.bind.InstanceUUID &&
		(k.bind.ProjectID == "" || k.bind.ProjectID == a.ProjectID)
}

func arqNotFound(id uuid.UUID) error {
	return Refuse(CodeNotFound, "accelerator request %s not found", id)
}

// after gives the ARQ as an event leaves it. The event is allowed.
func (a *ARQ) after(e arqEvent, binding *Binding, now int64) *ARQ {
	next := *a
	next.State, _ = a.stored().next(e)
	next.held = false
	next.Binding = binding
	next.UpdatedAt = now
	return &next
}
